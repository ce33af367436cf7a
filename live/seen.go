package live

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func takeMoment(rr *pgconn.ResultReader, snap *snapshot) error {
	if rr.NextRow() {
		at, err := time.Parse(time.RFC3339Nano, string(rr.Values()[0]))
		if err != nil {
			return fmt.Errorf("parse clock: %w", err)
		}
		snap.at = at
		if snap.began, err = clockAt(rr.Values()[2]); err != nil {
			return err
		}
	}
	_, err := rr.Close()
	return err
}

// clockAt is what the database's clock shows.
func clockAt(text []byte) (time.Duration, error) {
	micros, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse clock: %w", err)
	}
	return time.Duration(micros) * time.Microsecond, nil
}

func (t *transaction) takeLocked(rr *pgconn.ResultReader, snap *snapshot) error {
	for rr.NextRow() {
		v := rr.Values()
		if v[0] == nil {
			snap.swayed = snap.swayed || string(v[1]) != t.sense || !strings.EqualFold(string(v[2]), t.here())
			ended, err := clockAt(v[3])
			if err != nil {
				return err
			}
			snap.worked = max(0, ended-snap.began) // its clock may be set back
			continue
		}
		oid, err := strconv.ParseUint(string(v[0]), 10, 32)
		if err != nil {
			return fmt.Errorf("parse oid: %w", err)
		}
		// Until pg_class shows it, a user's relation does not stand.
		snap.relations = append(snap.relations, relation{oid: uint32(oid), stands: oid < firstUserOID})
	}
	_, err := rr.Close()
	return err
}

func takeStanding(rr *pgconn.ResultReader, snap *snapshot) error {
	at := map[uint32]int{}
	for i, r := range snap.relations {
		at[r.oid] = i
	}
	for rr.NextRow() {
		v := rr.Values()
		oid, err := strconv.ParseUint(string(v[0]), 10, 32)
		if err != nil {
			return fmt.Errorf("parse oid: %w", err)
		}
		if i, ok := at[uint32(oid)]; ok {
			snap.relations[i].kind = v[1][0]
			if oid >= firstUserOID {
				snap.relations[i].stands = string(v[2]) == "t"
			}
		}
	}
	_, err := rr.Close()
	return err
}
