INSERT INTO pp (a1) VALUES ('{b}');
UPDATE pp SET a1 = '{c}' WHERE id = 1;
