CREATE SCHEMA s;
CREATE TYPE s.e AS ENUM ('x', 'y');
CREATE TYPE e2 AS ENUM ('b', 'a');
CREATE TABLE en (e s.e, e2 e2 DEFAULT 'a', ea e2[] DEFAULT '{b}', v text, PRIMARY KEY (e, e2));
INSERT INTO en VALUES ('x', 'b', '{a,b}', 'v');
