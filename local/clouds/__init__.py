"""Both clouds and the edge on one machine: embedded database as AWS, workerd as Cloudflare, a simulated CloudFront."""
