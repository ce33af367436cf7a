-- The roles of docker-compose.yml, in its database app, run by postgres. It may be
-- repeated, and nothing changes then.
\set ON_ERROR_STOP 1
\set owner `cat /secrets/rowcast_owner`
\set reader `cat /secrets/rowcast_reader`

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['rowcast_owner', 'rowcast_reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE rowcast_owner PASSWORD :'owner';
ALTER ROLE rowcast_reader PASSWORD :'reader';
-- What one session may put on the disk that commits need.
ALTER ROLE rowcast_reader SET temp_file_limit = '2GB';

-- rowcast_owner puts the doorbell on tables; its own are the schema rowcast and the
-- demo's shop.
GRANT CREATE ON DATABASE app TO rowcast_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT USAGE ON SCHEMAS TO rowcast_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT TRIGGER ON TABLES TO rowcast_owner;

-- rowcast_reader reads whatever these two make.
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, rowcast_owner GRANT USAGE ON SCHEMAS TO rowcast_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, rowcast_owner GRANT SELECT ON TABLES TO rowcast_reader;
