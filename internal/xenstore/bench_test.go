package xenstore

import (
	"fmt"
	"testing"

	"vifd/internal/testhost/xenstored"
)

// What a vif's facts cost: one key, twelve in one go, and twelve one after another.
func BenchmarkRead(b *testing.B) {
	for _, kind := range xenstored.Kinds() {
		s := open(b, xenstored.Start(b, kind))
		var paths []string
		for i := range 12 {
			paths = append(paths, fmt.Sprintf("/local/domain/0/backend/vif/3/0/key-%d", i))
			must(b, s.Write(b.Context(), paths[i], "00:16:3e:00:00:07"))
		}
		ctx := b.Context()
		read := func(b *testing.B, path string) {
			if _, err := s.Read(ctx, path); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(kind+"/Read", func(b *testing.B) {
			for b.Loop() {
				read(b, paths[0])
			}
		})
		b.Run(kind+"/ReadMany12", func(b *testing.B) {
			for b.Loop() {
				if _, err := s.ReadMany(ctx, paths...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(kind+"/Read12times", func(b *testing.B) {
			for b.Loop() {
				for _, path := range paths {
					read(b, path)
				}
			}
		})
	}
}
