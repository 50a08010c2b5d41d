CREATE TYPE e AS ENUM ('x');
CREATE TABLE en (id int PRIMARY KEY, e e, ea e[]);
CREATE DOMAIN pos AS int NOT NULL;
CREATE TABLE dn (id int PRIMARY KEY, p pos);
