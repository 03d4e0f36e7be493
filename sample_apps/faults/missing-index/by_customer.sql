CREATE INDEX parcels_by_customer ON parcels (customer);
