CREATE TABLE f (id int PRIMARY KEY, n numeric(5,2));
INSERT INTO f VALUES (1, 1), (2, 'NaN'), (3, 3);
