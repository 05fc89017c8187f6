package packet_test

import (
	"testing"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }
