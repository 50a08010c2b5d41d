-- What connector.json connects to; docker-compose's postgres makes the same from its environment.
CREATE ROLE "postgres-user" SUPERUSER LOGIN PASSWORD 'postgres-pw';
CREATE DATABASE customers OWNER "postgres-user";
