package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/catalog"
	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var day = time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC)

// fakeEC2 answers as Amazon EC2's query API does. Each answer comes in two pages.
type fakeEC2 struct {
	*httptest.Server
	requests atomic.Int32
	// refuse, where it returns true, has written an error.
	refuse func(w http.ResponseWriter, action string, request int32) bool
}

func newEC2(t *testing.T) *fakeEC2 {
	t.Helper()
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, filepath.Join(t.TempDir(), "none")) // not the developer's
	}
	f := &fakeEC2{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := f.requests.Add(1)
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		action := r.Form.Get("Action")
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ec2/aws4_request") {
			t.Errorf("%s is not signed: %s", action, r.Header.Get("Authorization"))
		}
		if f.refuse != nil && f.refuse(w, action, n) {
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		second := r.Form.Get("NextToken") == "second"
		body, next := "", "<nextToken>second</nextToken>"
		if second {
			next = ""
		}
		switch action {
		case "DescribeAvailabilityZones":
			if r.Form.Get("Filter.2.Name") != "zone-type" || r.Form.Get("Filter.2.Value.1") != "availability-zone" {
				t.Errorf("local zones are asked for: %v", r.Form)
			}
			next = ""
			body = "<availabilityZoneInfo>" + item("<zoneName>eu-west-1b</zoneName>") + item("<zoneName>eu-west-1a</zoneName>") +
				item("<zoneName>eu-west-1c</zoneName>") + "</availabilityZoneInfo>"
		case "DescribeInstanceTypeOfferings":
			if r.Form.Get("LocationType") != "availability-zone" {
				t.Errorf("offers of %q are asked for", r.Form.Get("LocationType"))
			}
			if second {
				body = offer("m6i.large", "eu-west-1a") + offer("g5.xlarge", "eu-west-1b") + offer("m6i.large", "eu-west-1-dub-1a")
			} else {
				body = offer("m6i.large", "eu-west-1c") + offer("m6i.large", "eu-west-1b")
			}
			body = "<instanceTypeOfferingSet>" + body + "</instanceTypeOfferingSet>"
		case "DescribeInstanceTypes":
			if second {
				body = machine("g5.xlarge", 4, 16384, 4, 15)
			} else {
				body = machine("x9.large", 2, 8192, 3, 10) + machine("m6i.large", 2, 8192, 3, 10)
			}
			body = "<instanceTypeSet>" + body + "</instanceTypeSet>"
		default:
			t.Errorf("%s is asked for", action)
		}
		_, _ = fmt.Fprintf(w, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>%s%s</%sResponse>`, action, body, next, action)
	}))
	t.Cleanup(f.Close)
	return f
}

func item(s string) string { return "<item>" + s + "</item>" }

func offer(name, zone string) string {
	return item("<instanceType>" + name + "</instanceType><locationType>availability-zone</locationType><location>" + zone + "</location>")
}

func machine(name string, cpus, mib, interfaces, addresses int) string {
	return item(fmt.Sprintf("<instanceType>%s</instanceType><vCpuInfo><defaultVCpus>%d</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>%d</sizeInMiB></memoryInfo>"+
		"<networkInfo><maximumNetworkInterfaces>%d</maximumNetworkInterfaces><ipv4AddressesPerInterface>%d</ipv4AddressesPerInterface></networkInfo>",
		name, cpus, mib, interfaces, addresses))
}

func ec2Error(w http.ResponseWriter, status int, code, message string) bool {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>", code, message)
	return true
}

const (
	awsKey    = "AKIDEXAMPLE"
	awsSecret = "very-secret-key"
)

func (f *fakeEC2) options() catalog.AWSOptions {
	return catalog.AWSOptions{
		Provider: v1alpha1.ProviderEKS, Region: "eu-west-1", Now: day, Endpoint: f.URL, LongestWait: time.Millisecond,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: awsKey, SecretAccessKey: awsSecret}, nil
		}),
	}
}

func TestAWS(t *testing.T) {
	f := newEC2(t)
	got, err := catalog.AWS(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: bulkhead.dev/v1alpha1
date: "2026-11-20"
kind: MachineCatalog
machineTypes:
- cpu: "4"
  memory: 16Gi
  name: g5.xlarge
  pods: 58
  zones:
  - eu-west-1b
- cpu: "2"
  memory: 8Gi
  name: m6i.large
  pods: 29
  zones:
  - eu-west-1a
  - eu-west-1b
  - eu-west-1c
provider: eks
region: eu-west-1
source: 'Amazon EC2, asked by this account: its zones, and what it may start in them'
zones:
- eu-west-1a
- eu-west-1b
- eu-west-1c
`
	follows(t, got, want)
	if n := f.requests.Load(); n != 5 {
		t.Errorf("%d requests: want 1 for zones and 2 pages each for the rest", n)
	}

	o := f.options()
	o.Provider = v1alpha1.ProviderCAPA
	if got, err = catalog.AWS(t.Context(), o); err != nil || got.MachineTypes[0].Pods != 0 || got.Provider != v1alpha1.ProviderCAPA {
		t.Errorf("capa has a plugin of its own: %+v, %v", got, err)
	}
}

// follows compares a catalogue with its YAML, and reads that as --catalog does.
func follows(t *testing.T, got *v1alpha1.MachineCatalog, want string) {
	t.Helper()
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if _, err := spec.DecodeCatalog("asked.yaml", text); err != nil {
		t.Error(err)
	}
}

func TestAWSTriesAgain(t *testing.T) {
	f := newEC2(t)
	f.refuse = func(w http.ResponseWriter, _ string, n int32) bool {
		return n <= 3 && ec2Error(w, http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	}
	if _, err := catalog.AWS(t.Context(), f.options()); err != nil {
		t.Error(err)
	}
	if n := f.requests.Load(); n != 8 {
		t.Errorf("%d requests: want 3 that were refused and 5 that were not", n)
	}
}

func TestAWSRefused(t *testing.T) {
	for name, c := range map[string]struct {
		action        string
		status        int
		code, message string
		requests      int32
		want          string
	}{
		"forbidden": {"DescribeInstanceTypes", 403, "UnauthorizedOperation",
			"You are not authorized to perform this operation as " + awsKey + ". Encoded authorization failure message: " + strings.Repeat("x", 2000), 4,
			"asking Amazon EC2 in eu-west-1: DescribeInstanceTypes: UnauthorizedOperation: You are not authorized to perform this operation as …. Encoded authorization failure message: " + strings.Repeat("x", 181) + "…\n" +
				"hint: the credentials must allow ec2:DescribeAvailabilityZones, ec2:DescribeInstanceTypeOfferings and ec2:DescribeInstanceTypes"},
		"unknown key": {"DescribeAvailabilityZones", 401, "AuthFailure", "AWS was not able to validate the provided access credentials", 1,
			"asking Amazon EC2 in eu-west-1: DescribeAvailabilityZones: AuthFailure: AWS was not able to validate the provided access credentials\n" +
				"hint: the credentials must allow ec2:DescribeAvailabilityZones, ec2:DescribeInstanceTypeOfferings and ec2:DescribeInstanceTypes"},
		"throttled for good": {"DescribeInstanceTypeOfferings", 503, "RequestLimitExceeded", "Request limit exceeded.", 5,
			"asking Amazon EC2 in eu-west-1: DescribeInstanceTypeOfferings: RequestLimitExceeded: Request limit exceeded."},
	} {
		t.Run(name, func(t *testing.T) {
			f := newEC2(t)
			f.refuse = func(w http.ResponseWriter, action string, _ int32) bool {
				return action == c.action && ec2Error(w, c.status, c.code, c.message)
			}
			_, err := catalog.AWS(t.Context(), f.options())
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if n := f.requests.Load(); n != c.requests {
				t.Errorf("%d requests: want %d", n, c.requests)
			}
		})
	}
}

func TestAWSCancelled(t *testing.T) {
	f := newEC2(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.refuse = func(w http.ResponseWriter, action string, _ int32) bool {
		cancel()
		return ec2Error(w, http.StatusServiceUnavailable, "RequestLimitExceeded", "")
	}
	o := f.options()
	o.LongestWait = time.Hour
	_, err := catalog.AWS(ctx, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests after it was cancelled", n-1)
	}
}

func TestAWSWithoutCredentials(t *testing.T) {
	f := newEC2(t)
	o := f.options()
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no provider in the chain")
	})
	_, err := catalog.AWS(t.Context(), o)
	const want = "asking Amazon EC2: finding credentials: failed to refresh cached credentials, no provider in the chain\nhint: sign in as for the AWS CLI: aws configure, aws sso login, or AWS_PROFILE"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
