mkdir -p site/acme_rules site/acme-1.0.dist-info
echo > site/acme_rules/__init__.py
printf 'Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n' > site/acme-1.0.dist-info/METADATA
printf '[vramledger.specs]\nacme = acme_rules:specs\n' > site/acme-1.0.dist-info/entry_points.txt
VRAMLEDGER_PACKAGES=on PYTHONPATH=$PYTHONPATH:site vramledger estimate llama-3-8b
