package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// read is a file's first line; "" where there is no such file.
func (h *Host) read(path string) (string, error) {
	data, err := os.ReadFile(filepath.Join(h.Root, path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

func (h *Host) exists(path string) bool {
	_, err := os.Stat(filepath.Join(h.Root, path))
	return err == nil
}

// mention reports whether any of the files that match the patterns has one of the words in it.
func (h *Host) mention(words []string, patterns ...string) (bool, error) {
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(h.Root, pattern))
		if err != nil {
			return false, err
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return false, err
			}
			for _, word := range words {
				if strings.Contains(string(data), word) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
