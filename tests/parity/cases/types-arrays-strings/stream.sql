INSERT INTO ed SELECT 101, s, d, da, c, ca, r, ra, mr, mra, n, n2, m, j, u, ip, b, bl, bt, o, f4, f8, ir, tr, v, c3, tsv, iv, tq FROM ed WHERE id = 1;
INSERT INTO ed (id, s, n, b) VALUES (102, '{}', '{}', '{}');
DELETE FROM ed WHERE id = 1;
