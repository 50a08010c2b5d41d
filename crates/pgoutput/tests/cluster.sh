#!/bin/sh
# Makes a private server with TLS and one user for each way to authenticate, for tests/postgres.rs. Never root:
#   tests/cluster.sh DIR PORT [version1]     prints what to set; stop it with pg_ctl -D DIR/data -m fast stop
# With "version1" the server shows a certificate of X.509 version 1 with a common name only.
set -eu
dir=$1 port=$2 kind=${3-}
mkdir -p "$dir"
cd "$dir"
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -days 30 \
        -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
}
certificate() { # name subject extensions
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
    printf '%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -sha384 \
        ${3:+-extfile "$1.ext"} -out "$1.crt" 2>/dev/null
    chmod 600 "$1.key"
}
authority ca
authority other
if [ "$kind" = version1 ]; then
    certificate server /CN=localhost ''
else
    certificate server /CN=db 'subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=CA:FALSE'
fi
certificate cli /CN=wire_cert basicConstraints=CA:FALSE
openssl pkcs8 -topk8 -in cli.key -outform DER -nocrypt -out cli.pk8
openssl pkcs8 -topk8 -in cli.key -passout pass:x -out cli.enc.pem
openssl pkcs8 -topk8 -in cli.key -passout pass:x -outform DER -out cli.enc.pk8
initdb -D data -A trust -U postgres >/dev/null
cat >>data/postgresql.conf <<END
port = $port
listen_addresses = '127.0.0.1, 127.0.0.2'
unix_socket_directories = '$dir'
wal_level = logical
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
ssl_ca_file = '$dir/ca.crt'
END
cat >data/pg_hba.conf <<END
local all all trust
hostssl all wire_cert 127.0.0.0/8 cert
hostnossl all wire_nossl 127.0.0.0/8 scram-sha-256
hostssl all wire_ssl 127.0.0.0/8 scram-sha-256
host all wire_md5 127.0.0.0/8 md5
host all wire_scram 127.0.0.0/8 scram-sha-256
host all wire_clear 127.0.0.0/8 password
host all postgres 127.0.0.0/8 trust
END
# In single-user mode, a command a line: a client is not always there.
postgres --single -D data postgres >/dev/null <<END
CREATE DATABASE shop
SET password_encryption = 'md5'
CREATE ROLE wire_md5 LOGIN REPLICATION PASSWORD 'pw md5'
SET password_encryption = 'scram-sha-256'
CREATE ROLE wire_scram LOGIN REPLICATION PASSWORD 'pw scram'
CREATE ROLE wire_clear LOGIN REPLICATION PASSWORD 'pw clear'
CREATE ROLE wire_ssl LOGIN REPLICATION PASSWORD 'p'
CREATE ROLE wire_nossl LOGIN REPLICATION PASSWORD 'p'
CREATE ROLE wire_cert LOGIN REPLICATION
END
pg_ctl -D data -l "$dir/log" -w start >/dev/null 2>&1
echo "WALBRIDGE_TEST_POSTGRES='host=127.0.0.1 port=$port user=postgres'"
echo "WALBRIDGE_TEST_POSTGRES_TLS='port=$port socket=$dir pki=$dir'"
