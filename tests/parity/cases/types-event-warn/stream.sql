INSERT INTO nn VALUES (4, 'NaN', 'd'), (5, 5, 'e');
UPDATE nn SET n = 'NaN' WHERE id = 5;
UPDATE nn SET n = 7, id = 8 WHERE id = 5;
DELETE FROM nn WHERE id = 1;
