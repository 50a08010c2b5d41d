-- A database prepared for a connector that is no superuser. Run by a superuser in the database to capture;
-- replace the password, and the tables by yours. The server needs wal_level = logical, one free replication slot
-- and one free WAL sender (max_replication_slots, max_wal_senders).

-- The connector's user: reads the WAL, and the tables for the snapshot.
CREATE ROLE walbridge LOGIN REPLICATION PASSWORD 'change-me';
GRANT USAGE ON SCHEMA public TO walbridge;
GRANT SELECT ON public.users, public.orders TO walbridge;

-- Only an owner of the tables may publish them, so it is done here and not by the connector:
--   "publication.name": "dbz_publication", "publication.autocreate.mode": "disabled"
CREATE PUBLICATION dbz_publication FOR TABLE public.users, public.orders;

-- Updates and deletes then carry the whole old row, not its key alone. The WAL grows accordingly.
ALTER TABLE public.orders REPLICA IDENTITY FULL;

-- A quiet database in a busy cluster: without a change of its own the slot would hold the others' WAL.
--   "heartbeat.interval.ms": "10000",
--   "heartbeat.action.query": "UPDATE walbridge_heartbeat SET beat_at = now()"
CREATE TABLE public.walbridge_heartbeat (
    id INT PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    beat_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO public.walbridge_heartbeat DEFAULT VALUES;
GRANT SELECT, UPDATE ON public.walbridge_heartbeat TO walbridge;
ALTER PUBLICATION dbz_publication ADD TABLE public.walbridge_heartbeat;
