CREATE TYPE e AS ENUM ('x');
CREATE TABLE k1 (d date, ts timestamp(3), tz timestamptz, n numeric(5,2), b bytea, u uuid, e e, i interval, m money, bt bit(4), PRIMARY KEY (d, ts, tz, n, b, u, e, i, m, bt));
CREATE TABLE k2 (v varchar(3) NOT NULL DEFAULT 'd', n numeric NOT NULL UNIQUE);
INSERT INTO k1 VALUES ('2020-01-01', '2020-01-01 01:02:03.4', '2020-01-01 00:00+00', 1.5, 'b', '12345678-1234-5678-1234-567812345678', 'x', '1 day', 2, B'1010');
INSERT INTO k2 VALUES ('a', 1.50);
