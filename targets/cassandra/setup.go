package cassandra

import (
	"context"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// ready says that a node takes clients.
func ready(ctx context.Context, n docker.Node, o cluster.Options) error {
	s, err := open(n, o)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Query("SELECT key FROM system.local").Consistency(gocql.One).ExecContext(ctx)
}

// schema is all that clients use.
func schema(copies int) []string {
	return []string{
		fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS faultline WITH replication = {'class': 'SimpleStrategy', 'replication_factor': %d}", copies),
		"CREATE TABLE IF NOT EXISTS faultline.registers (key bigint PRIMARY KEY, value bigint)",
		"CREATE TABLE IF NOT EXISTS faultline.sets (key bigint, element bigint, PRIMARY KEY (key, element))",
	}
}

// setup waits until every node knows all others and makes the tables.
func setup(ctx context.Context, all []docker.Node, o cluster.Options) error {
	for _, n := range all {
		s, err := open(n, o)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", n.Name, err)
		}
		err = docker.Until(ctx, func() error {
			var peers int
			err := s.Query("SELECT count(*) FROM system.peers_v2").Consistency(gocql.One).ScanContext(ctx, &peers)
			if err == nil && peers != len(all)-1 {
				err = fmt.Errorf("%s knows %d of %d other nodes", n.Name, peers, len(all)-1)
			}
			return err
		})
		s.Close()
		if err != nil {
			return err
		}
	}
	s, err := open(all[0], o)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", all[0].Name, err)
	}
	defer s.Close()
	for _, statement := range schema(min(3, len(all))) {
		if err := docker.Until(ctx, func() error { return s.Query(statement).ExecContext(ctx) }); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return s.AwaitSchemaAgreement(ctx)
}
