package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scaleway/scaleway-sdk-go/api/instance/v1"
	"github.com/scaleway/scaleway-sdk-go/scw"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// ScalewayOptions say what to ask Scaleway, and how.
type ScalewayOptions struct {
	// Region, for example fr-par.
	Region string
	// Now is the day that the catalogue is of.
	Now time.Time

	// APIURL is Scaleway's own when empty.
	APIURL string
	// AccessKey and SecretKey are those of the scw command when empty:
	// environment, then its configuration file.
	AccessKey, SecretKey string
	// LongestWait between attempts; 5 s when 0.
	LongestWait time.Duration
}

const scalewayHint = "the API key must allow InstancesReadOnly"

// Scaleway asks for the machine types of each zone of a region, and leaves out
// those that are sold out, at the end of their service, or for Windows. Requests
// are tried four times. Errors carry no keys; a cancelled context ends at once.
//
// The catalogue holds machines that a node pool may refuse (Kapsule wants 4 GB at
// least): Scaleway publishes no list of node types.
func Scaleway(ctx context.Context, o ScalewayOptions) (*v1alpha1.MachineCatalog, error) {
	q := scalewayQuery{}
	client, err := q.client(ctx, o)
	if err != nil {
		return nil, err
	}
	c := newCatalog(v1alpha1.ProviderKapsule, o.Region, o.Now)
	c.Source = "Scaleway's Instance API, asked for each zone; what is sold out is left out"
	known := map[string]int{} // place in c.MachineTypes
	for _, zone := range scw.Region(o.Region).GetZones() {
		types, err := q.zone(ctx, instance.NewAPI(client), zone)
		if err != nil {
			return nil, err
		}
		if len(types) > 0 {
			c.Zones = append(c.Zones, zone.String())
		}
		for _, t := range types {
			i, ok := known[t.Name]
			if !ok {
				i = len(c.MachineTypes)
				known[t.Name] = i
				c.MachineTypes = append(c.MachineTypes, t)
			}
			c.MachineTypes[i].Zones = append(c.MachineTypes[i].Zones, zone.String())
		}
	}
	if len(c.Zones) == 0 {
		return nil, refused(ctx, "asking Scaleway in "+o.Region, errNothing, nil, "regions are fr-par, nl-ams and pl-waw")
	}
	slices.Sort(c.Zones)
	slices.SortFunc(c.MachineTypes, byName)
	for i := range c.MachineTypes {
		slices.Sort(c.MachineTypes[i].Zones)
	}
	return c, nil
}

// scalewayQuery asks one region.
type scalewayQuery struct {
	// secrets are kept out of errors.
	secrets []string
}

func (q *scalewayQuery) client(ctx context.Context, o ScalewayOptions) (*scw.Client, error) {
	wait := o.LongestWait
	if wait == 0 {
		wait = longestWait
	}
	options := []scw.ClientOption{scw.WithHTTPClient(&patient{&http.Client{Timeout: 30 * time.Second}, wait})}
	if o.SecretKey != "" {
		q.secrets = []string{o.SecretKey, o.AccessKey}
		options = append(options, scw.WithAuth(o.AccessKey, o.SecretKey))
	} else {
		if file, err := scw.LoadConfig(); err == nil {
			if profile, err := file.GetActiveProfile(); err == nil {
				options = append(options, scw.WithProfile(profile))
			}
		}
		options = append(options, scw.WithEnv()) // which wins
	}
	if o.APIURL != "" {
		options = append(options, scw.WithAPIURL(o.APIURL))
	}
	client, err := scw.NewClient(options...)
	if err != nil {
		return nil, refused(ctx, "asking Scaleway: reading its configuration", err, q.secrets, "")
	}
	secret, ok := client.GetSecretKey()
	if !ok {
		return nil, fmt.Errorf("asking Scaleway: there is no API key\nhint: set SCW_ACCESS_KEY and SCW_SECRET_KEY, or run scw init")
	}
	access, _ := client.GetAccessKey()
	q.secrets = []string{secret, access}
	return client, nil
}

// zone returns what one zone offers, without zones; nothing for a zone that
// Scaleway does not have.
func (q *scalewayQuery) zone(ctx context.Context, api *instance.API, zone scw.Zone) ([]v1alpha1.MachineType, error) {
	stock, err := api.GetServerTypesAvailability(&instance.GetServerTypesAvailabilityRequest{Zone: zone}, scw.WithContext(ctx), scw.WithAllPages())
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, q.refused(ctx, fmt.Sprintf("asking Scaleway for its stock in %s", zone), err)
	}
	list, err := api.ListServersTypes(&instance.ListServersTypesRequest{Zone: zone}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, q.refused(ctx, fmt.Sprintf("asking Scaleway for machine types in %s", zone), err)
	}
	var all []v1alpha1.MachineType
	for name, t := range list.Servers {
		s := stock.Servers[name]
		switch {
		case t == nil || t.EndOfService || t.Ncpus == 0 || t.RAM == 0, strings.HasSuffix(name, "-WIN"):
		case s != nil && s.Availability == instance.ServerTypesAvailabilityShortage:
		default:
			all = append(all, v1alpha1.MachineType{
				Name:   name,
				CPU:    *resource.NewQuantity(int64(t.Ncpus), resource.DecimalSI),
				Memory: *resource.NewQuantity(int64(min(t.RAM, 1<<62)), resource.BinarySI),
			})
		}
	}
	slices.SortFunc(all, byName)
	return all, nil
}

func isNotFound(err error) bool {
	response, ok := errors.AsType[*scw.ResponseError](err)
	if ok {
		return response.StatusCode == http.StatusNotFound
	}
	_, ok = errors.AsType[*scw.ResourceNotFoundError](err)
	return ok
}

func (q *scalewayQuery) refused(ctx context.Context, what string, err error) error {
	hint := ""
	_, denied := errors.AsType[*scw.PermissionsDeniedError](err)
	_, unknown := errors.AsType[*scw.DeniedAuthenticationError](err)
	response, other := errors.AsType[*scw.ResponseError](err)
	if denied || unknown || other && (response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized) {
		hint = scalewayHint
	}
	return refused(ctx, what, err, q.secrets, hint)
}

// patient is an HTTP client that tries again where trying helps: 429, 5xx and
// broken connections. It is for requests without a body.
type patient struct {
	client      *http.Client
	longestWait time.Duration
}

// Do sends the request, at most four times, waiting twice as long each time.
func (p *patient) Do(r *http.Request) (*http.Response, error) {
	wait := min(500*time.Millisecond, p.longestWait)
	for attempt := 1; ; attempt++ {
		response, err := p.client.Do(r)
		again := err != nil || response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500
		if !again || attempt == attempts || r.Context().Err() != nil {
			return response, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
			_ = response.Body.Close()
		}
		timer := time.NewTimer(wait)
		select {
		case <-r.Context().Done():
			timer.Stop()
			return nil, r.Context().Err()
		case <-timer.C:
		}
		wait = min(2*wait, p.longestWait)
	}
}
