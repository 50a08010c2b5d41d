INSERT INTO w VALUES (2, '{1,NaN}', '{NaN}', '{}', B'1', '{1 day}');
DELETE FROM w WHERE id = 1;
