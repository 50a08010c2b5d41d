CREATE TYPE st AS ENUM ('a','b,c');
CREATE DOMAIN dint AS int CHECK (VALUE > 0);
CREATE DOMAIN darr AS text[];
CREATE TYPE comp AS (a int, b text);
CREATE TYPE rng AS RANGE (subtype = float8);
CREATE TABLE ed (id int PRIMARY KEY, s st[], d dint[], da darr, c comp, ca comp[], r rng, ra rng[], mr int4multirange, mra int4multirange[], n numeric[], n2 numeric(5,2)[], m money, j jsonb[], u uuid[], ip inet[], b bytea[], bl bool[], bt bit(3)[], o oid[], f4 float4[], f8 float8[], ir int4range[], tr tstzrange[], v varchar(3)[], c3 char(3)[], tsv tsvector[], iv interval[], tq tsquery);
INSERT INTO ed VALUES (1, '{a,"b,c"}', '{1,2}', '{x,NULL,"y z"}', '(1,x)', '{"(1,x)","(2,\"y z\")"}', '[1,2)', '{"[1,2)"}', '{[1,3),[5,7)}', '{"{[1,3)}"}', '{1.50,NULL,NaN}', '{1.5,2.25}', '12.34', '{"{\"a\": 1}",NULL}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{10.0.0.1,10.0.0.0/8}', '{"\\x0001",NULL}', '{t,f,NULL}', '{101}', '{1,4294967295}', '{1.5,NaN}', '{1e300,-Infinity}', '{"[1,5)"}', '{"[2020-01-01 00:00:00+00,)"}', '{abc,"d,e"}', '{ab}', '{a b}', '{1 day}', 'a & b');
INSERT INTO ed (id, s, n, b) VALUES (2, '{}', '{}', '{}');
