INSERT INTO nn VALUES (4, 'NaN', 'd'), (5, 5, 'e');
UPDATE nn SET n = 'NaN' WHERE id = 5;
DELETE FROM nn WHERE id = 1;
