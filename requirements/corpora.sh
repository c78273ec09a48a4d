#!/bin/sh
# Fetch the texts that labs train on (labkit.corpora) from Debian packages, and unpack what is read into FOLDER.
#
#     sh requirements/corpora.sh .venv/share/llm101/corpora
#
# Nothing is installed and no root is needed: apt downloads the packages and verifies them, dpkg-deb unpacks them.
# 23 MB to download, 19 MB to keep. Works where apt does (Debian, Ubuntu) and knows its packages (apt-get update).
set -eu

folder=$1
python_doc=$(apt-cache depends python3-doc | sed -n 's/^ *Depends: \(python3\.[0-9]*-doc\)$/\1/p')

mkdir -p "$folder"
scratch=$(mktemp -d "$folder/.fetch-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
apt-get download fortunes fortunes-min fortunes-zh manpages-zh debian-reference-en debian-reference-zh-cn $python_doc
for package in *.deb; do
    dpkg-deb --extract "$package" unpacked
done

# The text and its licences; no HTML, no PDF, no indexes, no other languages.
cd unpacked
find . ! -type d \
    ! -path './usr/share/games/fortunes/[!.]*' \
    ! -path './usr/share/man/zh_CN/man*/*.gz' \
    ! -path './usr/share/debian-reference/*.txt.gz' \
    ! -path './usr/share/doc/python3.*/html/_sources/*.rst.txt' \
    ! -path './usr/share/doc/*/copyright' -delete
find . \( -name '*.dat' -o -name '*.u8' \) -delete
find . -type d -empty -delete
chmod -R u=rwX,go=rX .
cp -a usr ../..
