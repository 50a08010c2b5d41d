CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE EXTENSION citext;
CREATE TABLE tt (id int PRIMARY KEY, n int, nu numeric, l ltree, ci citext, na name[], p path, po polygon, tv tsvector, bp char(3000), j json, ra numrange, mr int4multirange, c2 text[], cia citext[], fa float4[], ea int2[], ha hstore[], la ltree[], vb varbit);
DO $$ DECLARE r record;
BEGIN FOR r IN SELECT attname FROM pg_attribute WHERE attrelid = 'tt'::regclass AND attnum > 2 AND attstorage IN ('x','m') LOOP EXECUTE format('ALTER TABLE tt ALTER %I SET STORAGE EXTERNAL', r.attname);
END LOOP;
END $$;
INSERT INTO tt SELECT 1, 1, repeat('7', 9000)::numeric, (SELECT string_agg('lab' || i, '.')::ltree FROM generate_series(1, 600) i), repeat('C', 3000), NULL, (SELECT ('[' || string_agg(format('(%s,%s)', i, i), ',') || ']')::path FROM generate_series(1, 300) i), (SELECT ('(' || string_agg(format('(%s,%s)', i, i), ',') || ')')::polygon FROM generate_series(1, 300) i), (SELECT string_agg('w' || i, ' ')::tsvector FROM generate_series(1, 900) i), 'b', ('"' || repeat('j', 3000) || '"')::json, numrange(repeat('1', 5000)::numeric, NULL), (SELECT range_agg(int4range(i * 2, i * 2 + 1)) FROM generate_series(1, 600) i), array_fill('t'::text, ARRAY[900]), array_fill('t'::citext, ARRAY[900]), array_fill(1.5::float4, ARRAY[900]), array_fill(3::int2, ARRAY[1900]), array_fill('a=>1'::hstore, ARRAY[300]), array_fill('a.b'::ltree, ARRAY[300]), repeat('10', 20000)::varbit;
