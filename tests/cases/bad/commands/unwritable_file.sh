echo 'rules to come' > rules
vramledger new optimizer two-moments -o rules/two-moments.yaml
