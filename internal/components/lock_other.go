//go:build !unix

package components

import (
	"context"
	"errors"
)

func lock(context.Context, string, func(string, ...any)) (func(), error) {
	return nil, errors.ErrUnsupported
}
