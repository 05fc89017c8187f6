package journal

import (
	"testing"

	"vifd/internal/testhost"
)

// The fault tests mount; testhost makes an ordinary user able to.
func TestMain(m *testing.M) { testhost.Main(m) }
