package redistest

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// StartCluster starts a Redis Cluster of three masters, without replicas, and waits until all of them serve. It ends with
// the test. Its URL for package stream is ClusterURL.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	servers := []*Server{}
	create := []string{"--cluster", "create", "--cluster-yes"}
	for range 3 {
		server := Start(t, "--cluster-enabled", "yes")
		servers = append(servers, server)
		create = append(create, server.Addr())
	}
	if printed, err := exec.Command("redis-cli", create...).CombinedOutput(); err != nil {
		t.Fatalf("create the cluster: %v\n%s", err, printed)
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, server := range servers {
		for !strings.Contains(server.CLI("cluster", "info"), "cluster_state:ok") {
			if time.Now().After(deadline) {
				t.Fatal("waited 20s until the cluster is up")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return servers
}

// ClusterURL is where a cluster is, in the form of package stream.
func ClusterURL(servers []*Server) string {
	addresses := make([]string, len(servers))
	for i, server := range servers {
		addresses[i] = server.Addr()
	}
	return "redis-cluster://" + strings.Join(addresses, ",")
}
