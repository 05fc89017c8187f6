// Package packets proves the shipped firewall with real frames: guests in network namespaces, a bridge, the library of
// templates as it is compiled from its files, and AF_PACKET sockets that send what an honest guest sends and what a
// dishonest one does.
package packets

import (
	"testing"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }
