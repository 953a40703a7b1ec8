"""`python -m puregss`: the `puregss` command."""

from puregss.cli.main import main

if __name__ == "__main__":
    main(prog_name="puregss")
