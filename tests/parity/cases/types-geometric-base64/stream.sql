INSERT INTO g SELECT 2, l, ls, b, p, p2, po, c, pt, ba, la, tq FROM g;
DELETE FROM g WHERE id = 1;
