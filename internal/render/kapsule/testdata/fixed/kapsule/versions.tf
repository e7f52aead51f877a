terraform {
  required_version = ">= 1.5"

  required_providers {
    scaleway = {
      "source"  = "scaleway/scaleway"
      "version" = "~> 2.81"
    }
  }
}

# Credentials come from the environment or ~/.config/scw/config.yaml.
provider "scaleway" {
  region = "fr-par"
  zone   = "fr-par-1"
}
