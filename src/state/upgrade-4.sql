-- SPDX-License-Identifier: Apache-2.0
-- From schema 3 to 4, but for the rows of networks (upgrade.c). Nothing runs, so no address is anybody's.
DROP TABLE address;
ALTER TABLE network RENAME TO network_3;
CREATE TABLE network (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    driver        TEXT NOT NULL,
    link          TEXT NOT NULL,
    created       INTEGER NOT NULL,
    config        TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE subnet (
    network       TEXT NOT NULL REFERENCES network(id) ON DELETE CASCADE,
    family        INTEGER NOT NULL,
    base          BLOB NOT NULL,
    prefix        INTEGER NOT NULL,
    range         BLOB,
    range_prefix  INTEGER,
    gateway       BLOB,
    last          BLOB NOT NULL,
    PRIMARY KEY (network, family)
) WITHOUT ROWID;
CREATE TABLE address (
    network       TEXT NOT NULL REFERENCES network(id) ON DELETE CASCADE,
    family        INTEGER NOT NULL,
    address       BLOB NOT NULL,
    container_id  TEXT NOT NULL,
    PRIMARY KEY (network, family, address)
) WITHOUT ROWID;
CREATE INDEX address_container ON address(container_id);
CREATE TABLE endpoint (
    network       TEXT NOT NULL REFERENCES network(id),
    container_id  TEXT NOT NULL,
    id            TEXT NOT NULL,
    number        INTEGER NOT NULL,
    interface     TEXT NOT NULL,
    host_interface TEXT NOT NULL,
    mac           BLOB NOT NULL,
    pending       INTEGER NOT NULL,
    PRIMARY KEY (network, container_id)
) WITHOUT ROWID;
CREATE INDEX endpoint_container ON endpoint(container_id);
CREATE INDEX endpoint_pending ON endpoint(container_id) WHERE pending;
CREATE TABLE port (
    protocol      INTEGER NOT NULL,
    family        INTEGER NOT NULL,
    host_port     INTEGER NOT NULL,
    host          TEXT NOT NULL,
    count         INTEGER NOT NULL,
    port          INTEGER NOT NULL,
    address       TEXT NOT NULL,
    container_id  TEXT NOT NULL,
    pending       INTEGER NOT NULL,
    respect       INTEGER NOT NULL,
    PRIMARY KEY (protocol, family, host_port, host)
) WITHOUT ROWID;
CREATE INDEX port_container ON port(container_id);
CREATE INDEX port_range ON port(protocol, family, host_port) WHERE count > 1;
CREATE INDEX port_pending ON port(container_id) WHERE pending;
CREATE INDEX port_respect ON port(container_id) WHERE respect;
