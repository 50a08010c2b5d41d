INSERT INTO oc VALUES (2, 'o', 'a', 2, 3, 'd', 4);
INSERT INTO "a-b.c d" (h) VALUES ('h2');
DELETE FROM oc WHERE before = 1;
