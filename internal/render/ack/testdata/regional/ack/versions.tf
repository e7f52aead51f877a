terraform {
  required_version = ">= 1.5"

  required_providers {
    alicloud = {
      "source"  = "aliyun/alicloud"
      "version" = "~> 1.289"
    }
  }
}

# Credentials come from the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and
# ALIBABA_CLOUD_ACCESS_KEY_SECRET.
provider "alicloud" {
  region = "cn-beijing"
}
