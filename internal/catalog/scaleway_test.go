package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/catalog"
	"github.com/google/go-cmp/cmp"
)

const (
	scwKey    = "SCWXXXXXXXXXXXXXXXXX"
	scwSecret = "11111111-2222-3333-4444-555555555555"
)

// fakeScaleway answers as the Instance API does: machine types in two pages; zone 3
// does not exist, and zone 2 is out of L4.
type fakeScaleway struct {
	*httptest.Server
	requests atomic.Int32
	refuse   func(w http.ResponseWriter, path string, request int32) bool
}

func newScaleway(t *testing.T) *fakeScaleway {
	f := &fakeScaleway{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := f.requests.Add(1)
		if r.Header.Get("X-Auth-Token") != scwSecret {
			t.Error("the request has no token")
		}
		if f.refuse != nil && f.refuse(w, r.URL.Path, n) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		zone := strings.Split(strings.TrimPrefix(r.URL.Path, "/instance/v1/zones/"), "/")[0]
		switch {
		case zone == "fr-par-3":
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"type": "unknown_resource", "message": "no such zone"}`)
		case strings.HasSuffix(r.URL.Path, "/products/servers/availability"):
			l4 := map[string]string{"fr-par-1": "available", "fr-par-2": "shortage"}[zone]
			_, _ = fmt.Fprintf(w, `{"total_count": 2, "servers": {"L4-1-24G": {"availability": %q}, "PRO2-XXS": {"availability": "scarce"}}}`, l4)
		case strings.HasSuffix(r.URL.Path, "/products/servers") && r.URL.Query().Get("page") == "2":
			_, _ = fmt.Fprint(w, `{"total_count": 5, "servers": {"L4-1-24G": {"ncpus": 8, "ram": 51539607552, "gpu": 1}, "OLD-1": {"ncpus": 2, "ram": 4294967296, "end_of_service": true}}}`)
		case strings.HasSuffix(r.URL.Path, "/products/servers"):
			_, _ = fmt.Fprint(w, `{"total_count": 5, "servers": {"PRO2-XXS": {"ncpus": 2, "ram": 8589934592}, "PRO2-XS": {"ncpus": 4, "ram": 17179869184}, "POP2-2C-8G-WIN": {"ncpus": 2, "ram": 8589934592}}}`)
		default:
			t.Errorf("%s is asked for", r.URL.Path)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeScaleway) options() catalog.ScalewayOptions {
	return catalog.ScalewayOptions{Region: "fr-par", Now: day, APIURL: f.URL, AccessKey: scwKey, SecretKey: scwSecret, LongestWait: time.Millisecond}
}

func TestScaleway(t *testing.T) {
	f := newScaleway(t)
	got, err := catalog.Scaleway(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	follows(t, got, `apiVersion: bulkhead.dev/v1alpha1
date: "2026-11-20"
kind: MachineCatalog
machineTypes:
- cpu: "8"
  memory: 48Gi
  name: L4-1-24G
  zones:
  - fr-par-1
- cpu: "4"
  memory: 16Gi
  name: PRO2-XS
  zones:
  - fr-par-1
  - fr-par-2
- cpu: "2"
  memory: 8Gi
  name: PRO2-XXS
  zones:
  - fr-par-1
  - fr-par-2
provider: kapsule
region: fr-par
source: Scaleway's Instance API, asked for each zone; what is sold out is left out
zones:
- fr-par-1
- fr-par-2
`)
}

func TestScalewayTriesAgain(t *testing.T) {
	f := newScaleway(t)
	f.refuse = func(w http.ResponseWriter, _ string, n int32) bool {
		if n > 3 {
			return false
		}
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable}[n-1])
		return true
	}
	if _, err := catalog.Scaleway(t.Context(), f.options()); err != nil {
		t.Error(err)
	}
}

func TestScalewayRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		body     string
		requests int32
		want     []string
	}{
		"forbidden": {403, `{"type": "permissions_denied", "details": [{"resource": "instance_server_type", "action": "read"}]}`, 1,
			[]string{"asking Scaleway for its stock in fr-par-1: ", "insufficient permissions", "\nhint: the API key must allow InstancesReadOnly"}},
		"unknown key": {401, `{"type": "denied_authentication", "method": "api_key", "reason": "not_found", "message": "token ` + scwSecret + ` is not known"}`, 1,
			[]string{"asking Scaleway for its stock in fr-par-1: ", "\nhint: the API key must allow InstancesReadOnly"}},
		"a key in the message": {400, `{"type": "invalid_request_error", "message": "token ` + scwSecret + ` of ` + scwKey + ` is malformed"}`, 1,
			[]string{"token … of … is malformed"}},
		"throttled for good": {429, `{"message": "slow down"}`, 4, []string{"asking Scaleway for its stock in fr-par-1: ", "429"}},
		"broken":             {500, `{}`, 4, []string{"500"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newScaleway(t)
			f.refuse = func(w http.ResponseWriter, _ string, _ int32) bool {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
				return true
			}
			_, err := catalog.Scaleway(t.Context(), f.options())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), scwSecret) || strings.Contains(err.Error(), scwKey) {
				t.Errorf("a key is told: %v", err)
			}
			if n := f.requests.Load(); n != c.requests {
				t.Errorf("%d requests: want %d", n, c.requests)
			}
		})
	}
}

func TestScalewayCancelled(t *testing.T) {
	f := newScaleway(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.refuse = func(w http.ResponseWriter, _ string, _ int32) bool {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	o := f.options()
	o.LongestWait = time.Hour
	if _, err := catalog.Scaleway(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests after it was cancelled", n-1)
	}
}

func TestScalewayWithoutKey(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, name := range []string{"SCW_CONFIG_PATH", "SCW_ACCESS_KEY", "SCW_SECRET_KEY", "SCW_PROFILE"} {
		t.Setenv(name, "") // so that it comes back
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	_, err := catalog.Scaleway(t.Context(), catalog.ScalewayOptions{Region: "fr-par"})
	const want = "asking Scaleway: there is no API key\nhint: set SCW_ACCESS_KEY and SCW_SECRET_KEY, or run scw init"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestScalewayUnknownRegion(t *testing.T) {
	f := newScaleway(t)
	o := f.options()
	o.Region = "fr-lyo"
	_, err := catalog.Scaleway(t.Context(), o)
	const want = "asking Scaleway in fr-lyo: no zone with machine types came back\nhint: regions are fr-par, nl-ams and pl-waw"
	if err == nil || err.Error() != want || f.requests.Load() != 0 {
		t.Errorf("%v after %d requests", err, f.requests.Load())
	}
}

// What cannot be asked says what to do instead.
func TestAsk(t *testing.T) {
	for p, want := range map[v1alpha1.Provider]string{
		v1alpha1.ProviderACK: "asking Alibaba Cloud for machine types: bulkhead does not speak its API\n" +
			"hint: write what aliyun ecs DescribeAvailableResource says into a MachineCatalog, and give it with --catalog FILE",
		v1alpha1.ProviderKubeadm: `asking for machine types: provider "kubeadm" makes no machines`,
	} {
		_, err := catalog.Ask(t.Context(), p, "x")
		if err == nil {
			t.Fatal("no error")
		}
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}
