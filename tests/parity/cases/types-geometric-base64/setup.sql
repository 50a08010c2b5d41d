CREATE TABLE g (id int PRIMARY KEY, l line NOT NULL, ls lseg NOT NULL, b box, p path, p2 path, po polygon, c circle NOT NULL, pt point NOT NULL, ba box[], la line[], tq tsquery NOT NULL);
INSERT INTO g VALUES (1, '{1,-2.5,1e20}', '[(0,0),(1,1)]', '(3,4),(1,2)', '[(0,0),(1,1)]', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '<(1.5,2),3>', '(1e-7,-0)', '{(1,1),(0,0);(2,2),(1,1)}', '{"{1,2,3}"}', 'a');
