package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// refusals are classes of errors that end a transaction before it commits. Among those
// left out are lost connections (08), what an operator or a crash does (57) and faults of
// the machine (58, XX), where it is not certain what had happened before.
var refusals = map[string]bool{
	"22": true, // data
	"23": true, // constraints
	"25": true, // the transaction's state, read-only among them
	"28": true, // authorization
	"3D": true, // no such database
	"40": true, // rolled back: serialization, deadlock
	"42": true, // syntax, no such table
	"53": true, // resources: too many connections, disk full
	"55": true, // the object's state
}

const (
	completionUnknown = "40003"
	cannotConnectNow  = "57P03"
)

// refused reports whether a server said that it did not carry the statement out.
func refused(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || len(answer.Code) != 5 {
		return false
	}
	return answer.Code == cannotConnectNow || refusals[answer.Code[:2]] && answer.Code != completionUnknown
}

// classify marks an error as definite if the statement certainly was not carried out.
func classify(err error) error {
	if err != nil && (refused(err) || pgconn.SafeToRetry(err)) {
		return cluster.Definite(err)
	}
	return err
}

// warned turns a warning that came with a success into an error: so PostgreSQL tells that a
// commit stands here, but gave up waiting for its replica.
func warned(n *pgconn.Notice) error {
	if n == nil {
		return nil
	}
	return fmt.Errorf("committed with a warning: %s (%s)", n.Message, n.Code)
}
