CREATE TABLE al (id int PRIMARY KEY, a int, v varchar(5), n numeric(6,2), t text DEFAULT 'x');
INSERT INTO al VALUES (1, 1, 'v', 1.5, 't');
