CREATE TABLE w (id int PRIMARY KEY, na numeric[], n2 numeric(6,2)[], fa float8[] NOT NULL, vb varbit(1), ia interval[]);
INSERT INTO w VALUES (1, '{1,NaN}', '{1,NULL}', '{NaN,1}', '', NULL);
