package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// connectTimeout bounds looking up a host and connecting to it: without a
	// network, the answer comes soon.
	connectTimeout = 5 * time.Second
	// headerTimeout bounds the wait for the begin of an answer.
	headerTimeout = 15 * time.Second
	// stallTimeout ends a download when no byte has come for so long.
	stallTimeout = 30 * time.Second
	// progressInterval is the time between two lines of progress.
	progressInterval = 3 * time.Second
	// checksumsLimit is the largest list of checksums, in bytes; etcd's has 4 kB.
	checksumsLimit = 1 << 20
)

var errStalled = errors.New("the download stalled")

// fetcher downloads over HTTP.
type fetcher struct {
	client *http.Client
	say    func(format string, args ...any)
}

func newFetcher(say func(string, ...any)) fetcher {
	return fetcher{say: say, client: &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // ranges and sizes are those of the file
	}}}
}

// text fetches a small file.
func (f fetcher) text(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	response, err := f.get(ctx, url, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, checksumsLimit))
	return string(text), err
}

// resume downloads url into the file at path, from where the file ends. A server
// without ranges sends the whole again, and then it is written again.
func (f fetcher) resume(ctx context.Context, url, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // after an error; else it is closed below
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := f.get(ctx, url, have)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusPartialContent:
		f.say("%s: going on after %d MB\n", url, have>>20)
	case http.StatusRequestedRangeNotSatisfiable:
		return nil // the file has all of it, or more: the checksum tells
	case http.StatusOK:
		have = 0
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := file.Truncate(0); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	watch := &progress{reader: response.Body, url: url, done: have, all: have + response.ContentLength, say: f.say,
		stall: time.AfterFunc(stallTimeout, func() { cancel(errStalled) })}
	defer watch.stall.Stop()
	if _, err := io.Copy(file, watch); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s: %w", url, err)
	}
	return file.Close()
}

// get asks for url, from byte start on.
func (f fetcher) get(ctx context.Context, url string, start int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if start > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", start))
	}
	return f.client.Do(request)
}

// progress passes a body on, says now and then how far it is, and keeps the
// stall timer from going off.
type progress struct {
	reader    io.Reader
	url       string
	done, all int64 // bytes; all is less than done when it is not known
	say       func(format string, args ...any)
	stall     *time.Timer
	said      time.Time
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.reader.Read(b)
	p.done += int64(n)
	p.stall.Reset(stallTimeout)
	if now := time.Now(); now.Sub(p.said) >= progressInterval {
		p.said = now
		if p.all >= p.done {
			p.say("%s: %d of %d MB\n", p.url, p.done>>20, p.all>>20)
		} else {
			p.say("%s: %d MB\n", p.url, p.done>>20)
		}
	}
	return n, err
}
