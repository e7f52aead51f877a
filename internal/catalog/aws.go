package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// AWSOptions say what to ask Amazon EC2, and how.
type AWSOptions struct {
	// Provider that the catalogue is for: capa or eks.
	Provider v1alpha1.Provider
	// Region, for example eu-west-1.
	Region string
	// Now is the day that the catalogue is of.
	Now time.Time

	// Endpoint is Amazon's own when empty.
	Endpoint string
	// Credentials are those of the AWS CLI when nil: environment, profile, role.
	Credentials aws.CredentialsProvider
	// LongestWait between attempts; 5 s when 0.
	LongestWait time.Duration
}

const awsHint = "the credentials must allow ec2:DescribeAvailabilityZones, ec2:DescribeInstanceTypeOfferings and ec2:DescribeInstanceTypes"

// AWS asks Amazon EC2 for the zones of a region, the machine types, and which
// zone offers which. Local Zones and Wavelength Zones are left out. Requests are
// tried four times. Errors carry no credentials; a cancelled context ends at once.
func AWS(ctx context.Context, o AWSOptions) (*v1alpha1.MachineCatalog, error) {
	q := awsQuery{region: o.Region}
	client, err := q.client(ctx, o)
	if err != nil {
		return nil, err
	}
	zones, err := q.zones(ctx, client)
	if err != nil {
		return nil, err
	}
	offers, err := q.offers(ctx, client, zones)
	if err != nil {
		return nil, err
	}
	machines, err := q.types(ctx, client, o.Provider, offers)
	if err != nil {
		return nil, err
	}
	if len(zones) == 0 || len(machines) == 0 {
		return nil, q.refused(ctx, "DescribeInstanceTypes", errNothing)
	}
	c := newCatalog(o.Provider, o.Region, o.Now)
	c.Source = "Amazon EC2, asked by this account: its zones, and what it may start in them"
	c.Zones, c.MachineTypes = zones, machines
	return c, nil
}

// newCatalog returns an empty catalogue.
func newCatalog(p v1alpha1.Provider, region string, now time.Time) *v1alpha1.MachineCatalog {
	c := &v1alpha1.MachineCatalog{Provider: p, Region: region, Date: now.UTC().Format(time.DateOnly)}
	c.APIVersion, c.Kind = v1alpha1.APIVersion, v1alpha1.MachineCatalogKind
	return c
}

// awsQuery asks one region.
type awsQuery struct {
	region string
	// secrets are kept out of errors.
	secrets []string
}

func (q *awsQuery) client(ctx context.Context, o AWSOptions) (*ec2.Client, error) {
	wait := o.LongestWait
	if wait == 0 {
		wait = longestWait
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(o.Region),
		// One that AWS_CA_BUNDLE can add to.
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(30 * time.Second)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = attempts, wait })
		}),
	}
	if o.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(o.Credentials))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, q.refused(ctx, "reading its configuration", err)
	}
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, refused(ctx, "asking Amazon EC2: finding credentials", err, nil, "sign in as for the AWS CLI: aws configure, aws sso login, or AWS_PROFILE")
	}
	q.secrets = []string{credentials.SecretAccessKey, credentials.SessionToken, credentials.AccessKeyID}
	return ec2.NewFromConfig(c, func(e *ec2.Options) {
		if o.Endpoint != "" {
			e.BaseEndpoint = aws.String(o.Endpoint)
		}
	}), nil
}

// refused names the operation, and EC2's own code and message.
func (q *awsQuery) refused(ctx context.Context, operation string, err error) error {
	what := fmt.Sprintf("asking Amazon EC2 in %s: %s", q.region, operation)
	hint := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if slices.Contains([]string{"UnauthorizedOperation", "AuthFailure", "InvalidClientTokenId", "ExpiredToken", "RequestExpired", "SignatureDoesNotMatch"}, api.ErrorCode()) {
			hint = awsHint
		}
		err = fmt.Errorf("%s: %s%w", api.ErrorCode(), api.ErrorMessage(), silent{err})
	}
	return refused(ctx, what, err, q.secrets, hint)
}

// silent is an error that is there for errors.Is and errors.As only.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

func (q *awsQuery) zones(ctx context.Context, client *ec2.Client) ([]string, error) {
	const operation = "DescribeAvailabilityZones"
	out, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{
			{Name: aws.String("state"), Values: []string{"available"}},
			{Name: aws.String("zone-type"), Values: []string{"availability-zone"}},
		},
	})
	if err != nil {
		return nil, q.refused(ctx, operation, err)
	}
	var zones []string
	for _, z := range out.AvailabilityZones {
		if name := aws.ToString(z.ZoneName); name != "" {
			zones = append(zones, name)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// offers returns the zones of each machine type, sorted.
func (q *awsQuery) offers(ctx context.Context, client *ec2.Client, zones []string) (map[string][]string, error) {
	offers := map[string][]string{}
	pages := ec2.NewDescribeInstanceTypeOfferingsPaginator(client, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, q.refused(ctx, "DescribeInstanceTypeOfferings", err)
		}
		for _, o := range page.InstanceTypeOfferings {
			if zone := aws.ToString(o.Location); slices.Contains(zones, zone) {
				offers[string(o.InstanceType)] = append(offers[string(o.InstanceType)], zone)
			}
		}
	}
	for name := range maps.Keys(offers) {
		slices.Sort(offers[name])
	}
	return offers, nil
}

// types returns the machine types that some zone offers, sorted by name.
func (q *awsQuery) types(ctx context.Context, client *ec2.Client, p v1alpha1.Provider, offers map[string][]string) ([]v1alpha1.MachineType, error) {
	var all []v1alpha1.MachineType
	pages := ec2.NewDescribeInstanceTypesPaginator(client, &ec2.DescribeInstanceTypesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, q.refused(ctx, "DescribeInstanceTypes", err)
		}
		for _, t := range page.InstanceTypes {
			zones := offers[string(t.InstanceType)]
			if len(zones) == 0 || t.VCpuInfo == nil || t.MemoryInfo == nil {
				continue
			}
			m := v1alpha1.MachineType{
				Name:   string(t.InstanceType),
				CPU:    *resource.NewQuantity(int64(aws.ToInt32(t.VCpuInfo.DefaultVCpus)), resource.DecimalSI),
				Memory: *resource.NewQuantity(aws.ToInt64(t.MemoryInfo.SizeInMiB)<<20, resource.BinarySI),
				Zones:  zones,
			}
			if p == v1alpha1.ProviderEKS {
				m.Pods = eksPods(t)
			}
			all = append(all, m)
		}
	}
	slices.SortFunc(all, byName)
	return all, nil
}

func byName(a, b v1alpha1.MachineType) int {
	if a.Name < b.Name {
		return -1
	}
	return 1 // names are distinct
}

// eksPods is how many pods the VPC CNI has addresses for: one less an interface
// than it carries, and two that share the node's (Amazon EKS User Guide, "Amazon
// EC2 instance types and maximum pods"). A managed node group takes no more than
// 110 below 30 vCPUs, and 250 above.
func eksPods(t types.InstanceTypeInfo) int {
	n := t.NetworkInfo
	if n == nil || n.MaximumNetworkInterfaces == nil || n.Ipv4AddressesPerInterface == nil {
		return 0
	}
	most := 110
	if aws.ToInt32(t.VCpuInfo.DefaultVCpus) >= 30 {
		most = 250
	}
	return min(most, int(*n.MaximumNetworkInterfaces*(*n.Ipv4AddressesPerInterface-1)+2))
}
