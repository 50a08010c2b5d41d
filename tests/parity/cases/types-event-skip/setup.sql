CREATE TABLE nn (id int PRIMARY KEY, n numeric, v text);
INSERT INTO nn VALUES (1, 1, 'a'), (2, 'NaN', 'b'), (3, 3, 'c');
