CREATE TABLE oc (before int PRIMARY KEY, op text, "after" text, source int, ts_ms bigint, __deleted text, "Да" int);
ALTER TABLE oc ADD COLUMN gone int;
ALTER TABLE oc DROP COLUMN gone;
ALTER TABLE oc ADD COLUMN late int GENERATED ALWAYS AS (source * 2) STORED;
CREATE TABLE "a-b.c d" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, g text GENERATED ALWAYS AS ('x') STORED, h text);
INSERT INTO oc VALUES (1, 'o', 'a', 2, 3, 'd', 4);
INSERT INTO "a-b.c d" (h) VALUES ('h');
