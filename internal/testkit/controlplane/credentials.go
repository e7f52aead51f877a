//go:build linux

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// validity of all certificates; a control plane lives for minutes.
const validity = 24 * time.Hour

// serviceIP is the address of default/kubernetes: the first of serviceCIDR.
const (
	serviceCIDR = "10.96.0.0/16"
	serviceIP   = "10.96.0.1"
)

// authority signs the certificates of one control plane, for servers and
// clients, and keeps its files in dir.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

// Names of files in the folder of an authority.
const (
	caCert         = "ca.crt"
	caKey          = "ca.key"
	frontProxyCert = "front-proxy-ca.crt"
	servingCert    = "serving.crt"
	servingKey     = "serving.key"
	accountKey     = "service-account.key"
	accountPublic  = "service-account.pub"
)

// newAuthority writes the files above to dir. The serving certificate is that of
// every component, at address.
func newAuthority(dir, address string) (*authority, error) {
	a := &authority{dir: dir}
	// Nobody has the key of the second one: no extension API server is trusted.
	// Without it, every component complains about its absence.
	frontProxy, _, err := a.sign(root("bulkhead test front proxy"))
	if err != nil {
		return nil, err
	}
	cert, key, err := a.sign(root("bulkhead test"))
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(block(cert)); err != nil {
		return nil, err
	}
	if a.key, err = x509.ParseECPrivateKey(block(key)); err != nil {
		return nil, err
	}
	a.pem = cert
	serving, servingPrivate, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(address), net.ParseIP(serviceIP)},
		DNSNames:    []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
	})
	if err != nil {
		return nil, err
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(accounts)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&accounts.PublicKey)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{
		caCert: cert, caKey: key, frontProxyCert: frontProxy,
		servingCert: serving, servingKey: servingPrivate,
		accountKey:    pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
		accountPublic: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	} {
		if err := os.WriteFile(a.path(name), text, 0o600); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// root is the template of a certificate that signs others.
func root(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// block returns what is inside the PEM block that sign has made.
func block(text []byte) []byte {
	b, _ := pem.Decode(text)
	return b.Bytes
}

// sign completes the template and signs it, by itself when there is no
// certificate of the authority yet, and returns certificate and key as PEM.
func (a *authority) sign(template *x509.Certificate) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-time.Minute), now.Add(validity)
	if !template.IsCA {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	text, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text}), nil
}

// kubeconfig writes a kubeconfig for user and returns its path.
func (a *authority) kubeconfig(server, user string, groups ...string) (string, error) {
	cert, key, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return "", fmt.Errorf("signing the certificate of %s: %w", user, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: a.pem}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user}
	config.CurrentContext = "test"
	path := a.path(user + ".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("writing the kubeconfig of %s: %w", user, err)
	}
	return path, nil
}
