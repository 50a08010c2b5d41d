ALTER DATABASE "${db}" SET datestyle = 'German';
ALTER DATABASE "${db}" SET intervalstyle = 'iso_8601';
ALTER DATABASE "${db}" SET quote_all_identifiers = on;
ALTER DATABASE "${db}" SET timezone = 'Asia/Kolkata';
CREATE TABLE public.s (id serial PRIMARY KEY, d date DEFAULT '2020-12-31', ts timestamp, tz timestamptz DEFAULT '2020-01-01 00:00:00+00', t time, x text DEFAULT 'it''s', n numeric(5,2) DEFAULT 1.5);
INSERT INTO public.s VALUES (-1, '2020-12-31', '2020-12-31 01:02:03', '2020-12-31 01:02:03+00', '01:02:03', 'x', 1);
