-- Numbers (id, seq) are microseconds of the time of writing, each given once and rising: retention goes by them. Times are nanoseconds since 1970.

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  began BIGINT NOT NULL,
  alive BIGINT NOT NULL,
  ended BIGINT
);

-- Incidents are referred to by a number, which rises: their ids come in no order, and indices of them would be written all over. It is that of a
-- change which was written with the incident at first.
CREATE TABLE incident (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  state TEXT NOT NULL,
  prefix TEXT,
  watched TEXT,
  site TEXT,
  subject TEXT,
  origin BIGINT,
  started BIGINT NOT NULL,
  opened BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  resolved BIGINT,
  acknowledged TEXT,
  silenced TEXT,
  summary TEXT NOT NULL,
  latest BIGINT NOT NULL
);
CREATE INDEX incident_opened ON incident (opened);
CREATE INDEX incident_open ON incident (opened, severity, kind, site) WHERE state = 'open';
CREATE INDEX incident_critical ON incident (opened) WHERE severity = 2;
CREATE INDEX incident_kind ON incident (kind, opened);
CREATE INDEX incident_site ON incident (site, opened) WHERE site IS NOT NULL;

CREATE TABLE incident_net (
  incident BIGINT NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
  net BLOB NOT NULL,
  bits SMALLINT NOT NULL,
  PRIMARY KEY (incident, net, bits)
) WITHOUT ROWID;
CREATE INDEX incident_net_net ON incident_net (net, bits, incident);

CREATE TABLE change (
  id INTEGER PRIMARY KEY,
  incident BIGINT NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
  time BIGINT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX change_incident ON change (incident, id);

CREATE TABLE note (
  id INTEGER PRIMARY KEY,
  incident BIGINT NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
  time BIGINT NOT NULL,
  kind TEXT NOT NULL,
  author TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX note_incident ON note (incident, id);

CREATE TABLE notification (
  seq INTEGER PRIMARY KEY,
  sink TEXT NOT NULL,
  dedup TEXT NOT NULL,
  incident BIGINT,
  change BIGINT,
  kin TEXT NOT NULL,
  body TEXT,
  due BIGINT NOT NULL,
  state SMALLINT NOT NULL,
  attempts BIGINT NOT NULL,
  first_try BIGINT,
  next_try BIGINT,
  done BIGINT,
  error TEXT
);
CREATE INDEX notification_waiting ON notification (sink, seq) WHERE state = 0;
CREATE INDEX notification_incident ON notification (incident, seq);

CREATE TABLE silence (
  id INTEGER PRIMARY KEY,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE maintenance (
  id INTEGER PRIMARY KEY,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE state (
  name TEXT PRIMARY KEY,
  time BIGINT NOT NULL,
  body BLOB NOT NULL
);

-- A word is a text that many rows share, under a number made of its hash: the name of a vantage, the attributes of a route.
CREATE TABLE word (
  id INTEGER PRIMARY KEY,
  seen BIGINT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE net (
  id INTEGER PRIMARY KEY,
  seen BIGINT NOT NULL,
  net BLOB NOT NULL,
  bits SMALLINT NOT NULL
);
CREATE INDEX net_net ON net (net, bits);

CREATE TABLE route (
  id INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  prefix BIGINT NOT NULL,
  vantage BIGINT NOT NULL,
  path_id BIGINT NOT NULL,
  attrs BIGINT
);
CREATE INDEX route_prefix ON route (prefix, time, id);

CREATE TABLE site_state (
  id INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  site TEXT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX site_state_place ON site_state (prefix, site, id);

CREATE TABLE catchment (
  id INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX catchment_prefix ON catchment (prefix, time, id);

CREATE TABLE vrp_change (
  id INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  net BLOB NOT NULL,
  bits SMALLINT NOT NULL,
  max_length SMALLINT NOT NULL,
  asn BIGINT NOT NULL,
  anchor TEXT NOT NULL,
  expires BIGINT,
  added SMALLINT NOT NULL
);
CREATE INDEX vrp_change_net ON vrp_change (net, bits, id);

CREATE TABLE health (
  id INTEGER PRIMARY KEY,
  time BIGINT NOT NULL,
  site TEXT NOT NULL,
  state TEXT NOT NULL,
  checked TEXT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX health_site ON health (site, id);
