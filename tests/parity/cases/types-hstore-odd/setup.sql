CREATE EXTENSION hstore;
CREATE TABLE h (id int PRIMARY KEY, h hstore NOT NULL, ha hstore[], d hstore DEFAULT 'a=>1');
INSERT INTO h VALUES (1, '"q\"k"=>"v\\\\b", n=>NULL, "NULL"=>"NULL", "ключ"=>"значение", "🦀"=>""', ARRAY['a=>1,b=>2'::hstore, ''::hstore, NULL]), (2, (SELECT hstore(array_agg('key' || i), array_agg('v' || i)) FROM generate_series(1, 30) i), '{}');
