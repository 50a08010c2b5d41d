UPDATE tt SET n = 2;
UPDATE tt SET id = 5;
