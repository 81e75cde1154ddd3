-- SPDX-License-Identifier: Apache-2.0
-- What hoy remembers. Times are nanoseconds since 1970; digests are "sha256:…".

CREATE TABLE image (
    id            TEXT PRIMARY KEY,      -- digest of the config
    manifest_digest TEXT NOT NULL,       -- image_manifest: who finds the image by its id gets this one
    config        TEXT NOT NULL,         -- the config as the registry served it
    chain_id      TEXT NOT NULL,         -- of all its layers: the name of the merged index
    size          INTEGER NOT NULL,      -- of its layers, uncompressed
    pulled        INTEGER NOT NULL
) WITHOUT ROWID;

-- Manifests as they were served. Several of one image: compressed otherwise, or of the other specification.
CREATE TABLE image_manifest (
    image_id      TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    manifest      TEXT NOT NULL,
    PRIMARY KEY (image_id, digest)
) WITHOUT ROWID;

-- docker.io/library/debian:12
CREATE TABLE image_name (
    name          TEXT PRIMARY KEY,
    image_id      TEXT NOT NULL REFERENCES image(id),
    manifest_digest TEXT NOT NULL        -- image_manifest
) WITHOUT ROWID;
CREATE INDEX image_name_image ON image_name(image_id);

-- docker.io/library/debian and the digest (of a manifest or index) it was pulled by
CREATE TABLE image_digest (
    repository    TEXT NOT NULL,
    digest        TEXT NOT NULL,
    image_id      TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    manifest_digest TEXT NOT NULL,       -- image_manifest
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX image_digest_image ON image_digest(image_id);

CREATE TABLE layer (
    diff_id       TEXT PRIMARY KEY,
    blob_digest   TEXT NOT NULL,         -- as it was served
    blob_size     INTEGER NOT NULL,
    size          INTEGER NOT NULL,      -- uncompressed
    driver        TEXT NOT NULL,         -- erofs: <root>/layers/<hex> is the tar; dir: it is a directory
    made          TEXT NOT NULL DEFAULT '' -- of the directory: its digest (unpack/pack.h), if it is known
) WITHOUT ROWID;
CREATE INDEX layer_blob ON layer(blob_digest);

-- What hoy's own compressor made of a layer, when it was pushed.
CREATE TABLE made_blob (
    diff_id       TEXT NOT NULL,
    compression   TEXT NOT NULL,         -- gzip, zstd:3
    digest        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    PRIMARY KEY (diff_id, compression)
) WITHOUT ROWID;

CREATE TABLE image_layer (
    image_id      TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,      -- 0: the lowest
    diff_id       TEXT NOT NULL REFERENCES layer(diff_id),
    PRIMARY KEY (image_id, position)
) WITHOUT ROWID;
CREATE INDEX image_layer_layer ON image_layer(diff_id);

-- Blobs of an image's layers that are kept as they were served: <root>/blobs/sha256/<hex>
CREATE TABLE kept_blob (
    image_id      TEXT NOT NULL REFERENCES image(id),
    digest        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    PRIMARY KEY (image_id, digest)
) WITHOUT ROWID;
CREATE INDEX kept_blob_digest ON kept_blob(digest);

-- `hoy manifest`: lists that are put together here, and not pushed yet.
CREATE TABLE list_manifest (
    list          TEXT NOT NULL,         -- the full name of the list
    image         TEXT NOT NULL,         -- and of an image in it
    manifest      TEXT NOT NULL,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    platform      TEXT NOT NULL,         -- JSON, as it will be in the list
    PRIMARY KEY (list, image)
) WITHOUT ROWID;

-- With row ids: such a table keeps a row of a page's size in its leaf, where the others would need more pages.
CREATE TABLE container (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    image_id      TEXT NOT NULL,
    image_name    TEXT NOT NULL,         -- as the user wrote it
    created       INTEGER NOT NULL,
    config        TEXT NOT NULL,         -- the settings, JSON (engine/config.h)
    state         TEXT NOT NULL,         -- created, starting, running, restarting, exited, removing
    auto_remove   INTEGER NOT NULL,
    pid           INTEGER NOT NULL DEFAULT 0,
    started       INTEGER NOT NULL DEFAULT 0,
    finished      INTEGER NOT NULL DEFAULT 0,
    exit_code     INTEGER NOT NULL DEFAULT 0,
    oom_killed    INTEGER NOT NULL DEFAULT 0,
    error         TEXT NOT NULL DEFAULT '',
    restart_count INTEGER NOT NULL DEFAULT 0, -- since somebody started it
    stopped       INTEGER NOT NULL DEFAULT 0  -- somebody asked it to end, and did not start it since
);
CREATE INDEX container_image ON container(image_id);
-- Between two states: a crash leaves its containers here, and the next command looks after them.
CREATE INDEX container_between ON container(state) WHERE state IN ('starting', 'removing');

CREATE TABLE network (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    driver        TEXT NOT NULL,         -- bridge, macvlan, ipvlan, host, null
    link          TEXT NOT NULL,         -- the bridge; the parent of macvlan and ipvlan; '' of others
    created       INTEGER NOT NULL,
    config        TEXT NOT NULL          -- JSON (network/row.c)
) WITHOUT ROWID;

-- Addresses are bytes in network byte order: 4 or 16.
CREATE TABLE subnet (
    network       TEXT NOT NULL REFERENCES network(id) ON DELETE CASCADE,
    family        INTEGER NOT NULL,      -- 4, 6
    base          BLOB NOT NULL,
    prefix        INTEGER NOT NULL,
    range         BLOB,                  -- where addresses are given from; NULL: the whole subnet
    range_prefix  INTEGER,
    gateway       BLOB,                  -- NULL: there is none
    last          BLOB NOT NULL,         -- the address given last: the next is looked for after it
    PRIMARY KEY (network, family)
) WITHOUT ROWID;

CREATE TABLE address (
    network       TEXT NOT NULL REFERENCES network(id) ON DELETE CASCADE,
    family        INTEGER NOT NULL,
    address       BLOB NOT NULL,
    container_id  TEXT NOT NULL,         -- '': nobody gets it (the gateway's, auxiliary ones)
    PRIMARY KEY (network, family, address)
) WITHOUT ROWID;
CREATE INDEX address_container ON address(container_id);

-- A container that runs, in a network.
CREATE TABLE endpoint (
    network       TEXT NOT NULL REFERENCES network(id),
    container_id  TEXT NOT NULL,
    id            TEXT NOT NULL,
    number        INTEGER NOT NULL,      -- the container's interfaces from 0
    interface     TEXT NOT NULL,         -- in the container
    host_interface TEXT NOT NULL,
    mac           BLOB NOT NULL,
    pending       INTEGER NOT NULL,      -- its interface is being made, or taken away, in a container that runs
    PRIMARY KEY (network, container_id)
) WITHOUT ROWID;
CREATE INDEX endpoint_container ON endpoint(container_id);
CREATE INDEX endpoint_pending ON endpoint(container_id) WHERE pending;

-- Ports of the host's that lead to a container, from before its start to its end. A run of count ports is one row.
CREATE TABLE port (
    protocol      INTEGER NOT NULL,      -- IPPROTO_*
    family        INTEGER NOT NULL,      -- AF_INET, AF_INET6: of the host's address
    host_port     INTEGER NOT NULL,
    host          TEXT NOT NULL,         -- an address; "0.0.0.0" and "::" are all
    count         INTEGER NOT NULL,
    port          INTEGER NOT NULL,      -- in the container
    address       TEXT NOT NULL,         -- the container's
    container_id  TEXT NOT NULL,
    pending       INTEGER NOT NULL,      -- 1: of an update that has not come to its end; 2: its rule may be another yet
    respect       INTEGER NOT NULL,      -- the host's firewall decides who comes in
    PRIMARY KEY (protocol, family, host_port, host)
) WITHOUT ROWID;
CREATE INDEX port_container ON port(container_id);
CREATE INDEX port_range ON port(protocol, family, host_port) WHERE count > 1;
CREATE INDEX port_pending ON port(container_id) WHERE pending;
CREATE INDEX port_respect ON port(container_id) WHERE respect;

-- <root>/volumes/<name>/_data
CREATE TABLE volume (
    name          TEXT PRIMARY KEY,
    created       INTEGER NOT NULL,
    anonymous     INTEGER NOT NULL,      -- its name was made up
    project       INTEGER NOT NULL DEFAULT 0, -- of its quota; 0: none
    removing      INTEGER NOT NULL DEFAULT 0, -- as good as gone: whoever sees it finishes that
    labels        TEXT NOT NULL,         -- JSON objects of texts
    options       TEXT NOT NULL
) WITHOUT ROWID;

-- From when a container is made until it is removed.
CREATE TABLE volume_use (
    volume        TEXT NOT NULL REFERENCES volume(name),
    container_id  TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE,
    PRIMARY KEY (volume, container_id)
) WITHOUT ROWID;
CREATE INDEX volume_use_container ON volume_use(container_id);
