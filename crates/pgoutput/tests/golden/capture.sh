#!/bin/bash
# Captures what a real server's pgoutput writes: NAME-VERSION.hex, one message a line ("LSN HEX").
#
#   capture.sh OUTPUT_DIRECTORY PSQL_ARGUMENT...
#
# The server (14 or later) must run with wal_level=logical, max_prepared_transactions>=2 and
# logical_decoding_work_mem=64kB; the role must be a superuser. The database walbridge_golden is made anew.
set -euo pipefail

out=$1
shift
server=("$@")

# Output depends on no setting of the server or of the caller.
export PGOPTIONS='-c timezone=UTC -c client_min_messages=warning -c bytea_output=hex'
sql() { psql -X -q -v ON_ERROR_STOP=1 "${server[@]}" -d walbridge_golden "$@"; }
psql -X -q -v ON_ERROR_STOP=1 "${server[@]}" -d postgres \
  -c 'drop database if exists walbridge_golden' \
  -c "create database walbridge_golden template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'"
number=$(sql -At -c 'show server_version_num')
major=$((number / 10000))
version=$major.$((number % 10000))

# One minor version of each major one is enough.
rm -f "$out"/*-"$major".*

# slot NAME [TWO_PHASE]
slot() {
  sql -At -o /dev/null -c "select pg_create_logical_replication_slot('walbridge_$1', 'pgoutput', false, ${2:-false})"
}

# capture NAME OPTION VALUE...: everything in the slot, then drops it.
capture() {
  local name=$1 options=
  shift
  for word in "$@"; do options="$options, '$word'"; done
  {
    echo "# PostgreSQL $version: $*"
    sql -At -F ' ' -c "select lsn, encode(data, 'hex') from pg_logical_slot_get_binary_changes('walbridge_$name', null, null$options)"
  } >"$out/$name-$version.hex"
  sql -At -o /dev/null -c "select pg_drop_replication_slot('walbridge_$name')"
}

sql <<'SQL'
create type mood as enum ('sad', 'happy');
create domain positive as int4 check (value > 0);
create type pair as (x int4, y text);
create schema "Odd Schema";
create table plain (id int4 primary key, name varchar(20), amount numeric(10,2), ok bool, at timestamptz, data jsonb, tags text[]);
create table typed (id int8 primary key, m mood, p positive, c pair, ms mood[]);
create table full_row (id int4, v text);
alter table full_row replica identity full;
create table nothing (id int4, v text);
alter table nothing replica identity nothing;
create table indexed (id int4 primary key, code text not null, v text);
create unique index indexed_code on indexed (code);
alter table indexed replica identity using index indexed_code;
create table toasted (id int4 primary key, big text, v int4);
alter table toasted alter column big set storage external;
create table "Odd Schema"."Odd ""Table""" ("Ключ" int4 primary key, " " text);
create table parent (id serial primary key);
create table child (id int4 primary key, parent int4 references parent);
create table unpublished (id int4, filler text);
create table no_column ();
create publication p for table plain, typed, full_row, nothing, indexed, toasted,
  "Odd Schema"."Odd ""Table""", parent, child, no_column;
select pg_replication_origin_create('walbridge_origin')
  where not exists (select from pg_replication_origin where roname = 'walbridge_origin') \g /dev/null
SQL
if ((major >= 15)); then
  sql -c 'create table listed (id int4 primary key, kept text, hidden text)' \
    -c 'alter publication p add table listed (id, kept)'
fi

# Every kind of message of protocol 1, in text and in binary.
slot text
slot binary
sql <<'SQL' >/dev/null
insert into plain values (1, 'one', 1.50, true, '2024-02-29 12:34:56.789012+00', '{"a": [1, null]}', '{x,"y z",NULL}'),
  (2, null, null, null, null, null, null), (3, '', 0, false, 'infinity', 'null', '{}');
begin;
update plain set name = E'tab\tnewline\nслово' where id = 1;
update plain set id = 4 where id = 3;
delete from plain where id = 2;
commit;
insert into typed values (1, 'happy', 7, '(1,"a,b")', '{sad,happy}');
update typed set m = 'sad';
begin;
insert into full_row values (1, 'a'), (2, null);
update full_row set v = 'b' where id = 1;
delete from full_row where id = 2;
commit;
insert into nothing values (1, 'a');
insert into indexed values (1, 'k1', 'a');
update indexed set v = 'b';
update indexed set code = 'k2';
delete from indexed;
insert into toasted values (1, repeat('x', 2100), 1);
update toasted set v = 2;
delete from toasted;
insert into "Odd Schema"."Odd ""Table""" values (1, 'q');
insert into no_column default values;
insert into parent default values;
insert into child values (1, 1);
truncate plain, full_row;
truncate parent restart identity cascade;
select pg_logical_emit_message(false, 'outside', 'not transactional');
begin;
select pg_logical_emit_message(true, 'inside', decode('00ff0a', 'hex'));
insert into plain values (5);
select pg_logical_emit_message(true, '', '');
commit;
alter table plain add column extra int2 default 9;
insert into plain values (6);
alter table full_row replica identity default;
insert into full_row values (3, 'c');
alter table full_row replica identity full;
begin; insert into plain values (7); rollback;
begin; insert into plain values (8); savepoint s; insert into plain values (9); rollback to s; insert into plain values (10); commit;
select pg_replication_origin_session_setup('walbridge_origin');
begin;
select pg_replication_origin_xact_setup('0/ABCDEF', '2024-01-01 00:00:00+00');
insert into plain values (11);
commit;
select pg_replication_origin_session_reset();
SQL
if ((major >= 15)); then sql -c "insert into listed values (1, 'kept', 'hidden')"; fi
common=(publication_names p messages true)
if ((major >= 16)); then common+=(origin any); fi
capture text proto_version 1 "${common[@]}"
capture binary proto_version 1 "${common[@]}" binary true

# Transactions that are larger than logical_decoding_work_mem. The bulk is in a table that is not published: it
# fills the server's buffer and not the capture.
slot streamed
if ((major >= 16)); then slot parallel; fi
sql <<'SQL' >/dev/null
insert into toasted values (20, repeat('x', 2100), 1);
begin;
insert into typed values (20, 'happy', 7, '(1,z)', '{sad}');
insert into plain values (20, 'streamed');
update toasted set v = 3 where id = 20;
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
savepoint a;
insert into plain values (21, 'sub');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
rollback to a;
update plain set id = 22 where id = 20;
delete from plain where id = 22;
insert into full_row values (20, 'f');
update full_row set v = 'g' where id = 20;
select pg_logical_emit_message(true, 'in stream', 'content');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
truncate full_row, plain;
commit;
begin;
insert into plain values (23, 'lost');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
insert into plain values (24, 'lost');
rollback;
insert into plain values (25, 'small');
select pg_replication_origin_session_setup('walbridge_origin');
begin;
select pg_replication_origin_xact_setup('0/ABCDF0', '2024-01-02 00:00:00+00');
insert into plain values (26, 'streamed with origin');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
commit;
select pg_replication_origin_session_reset();
SQL
capture streamed proto_version 2 "${common[@]}" streaming on
if ((major >= 16)); then capture parallel proto_version 4 "${common[@]}" streaming parallel; fi

# Two-phase commit: pgoutput has it since 15.
if ((major >= 15)); then
  slot prepared true
  if ((major >= 16)); then slot prepared_parallel true; fi
  sql <<'SQL' >/dev/null
begin; insert into plain values (30, 'prepared'); prepare transaction 'walbridge one';
commit prepared 'walbridge one';
begin; insert into plain values (31, 'prepared'); prepare transaction 'walbridge two';
rollback prepared 'walbridge two';
begin;
insert into plain values (32, 'large');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
insert into plain values (33, 'large');
prepare transaction 'walbridge three';
commit prepared 'walbridge three';
begin;
insert into plain values (34, 'large');
insert into unpublished select g, repeat('u', 100) from generate_series(1, 500) g;
prepare transaction 'walbridge four';
rollback prepared 'walbridge four';
begin; insert into plain values (35, 'one phase'); commit;
SQL
  capture prepared proto_version 3 "${common[@]}" streaming on two_phase true
  if ((major >= 16)); then capture prepared_parallel proto_version 4 "${common[@]}" streaming parallel two_phase true; fi
fi

# Generated columns: published since 18, when the publication says so.
if ((major >= 18)); then
  sql <<'SQL'
create table made (id int4 primary key, a int4, twice int4 generated always as (a * 2) stored,
  thrice int4 generated always as (a * 3) virtual);
create publication g for table made with (publish_generated_columns = stored);
create publication n for table made with (publish_generated_columns = none);
SQL
  slot generated
  slot not_generated
  sql -c 'insert into made values (1, 2)' -c 'update made set a = 3' -c 'delete from made'
  capture generated proto_version 1 publication_names g
  capture not_generated proto_version 1 publication_names n
fi

# Rows of COPY, and what the same server says their values are: hexadecimal, or null.
sql <<'SQL'
create table copied (id int4, a text, b text);
insert into copied values (1, 'plain', ''), (2, null, null), (3, '\N', '\\N'), (4, 'NULL', '\.'), (5, '\', '\\'),
  (6, E'\t', E'\n'), (7, E'a\r\nb', E'\b\f\v'), (8, 'слово', '🦀'), (9, '\t', '\x41\101'), (10, E'\\\t\\', null);
insert into copied select 100 + code, chr(code), 'x' || chr(code) || '\' from generate_series(1, 127) code;
SQL
sql -c "copy (select a, b, id from copied order by id) to stdout" >"$out/copy-$version.rows"
sql -At -F ' ' -P null=null -o "$out/copy-$version.values" \
  -c "select encode(convert_to(a, 'UTF8'), 'hex'), encode(convert_to(b, 'UTF8'), 'hex'), encode(convert_to(id::text, 'UTF8'), 'hex') from copied order by id"

sql -At -o /dev/null -c "select pg_replication_origin_drop('walbridge_origin')"
psql -X -q "${server[@]}" -d postgres -c 'drop database walbridge_golden'
