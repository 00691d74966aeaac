"""``python -m unbraid`` is the ``unbraid`` command."""

from unbraid.cli.main import main

if __name__ == "__main__":
    main()
