#!/usr/bin/env python3
"""Loads the data of the common read benchmark into a database that Lyceum made.

usage: load.py sqlite:FILE|postgres:DSN DATADIR OUT

DATADIR holds the JSON Lines files of the benchmark's generator. OUT becomes a
folder with one file of request bodies for each operation. Ids keep the
numbers of the data, written as the 26 characters of a Lyceum id.
"""
import json
import os
import sys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def ident(kind, number):
    value, text = (kind << 64) + number, ""
    for _ in range(26):
        text, value = ALPHABET[value & 31] + text, value >> 5
    return text


AUTHOR, CATEGORY, TAG, COURSE, LESSON = range(1, 6)


def rows(data, name):
    with open(os.path.join(data, name + ".jsonl")) as lines:
        return [json.loads(line) for line in lines]


def load(execute, data):
    at = "2024-01-01T00:00:00.000Z"
    execute("user_account", "id,email,name,bio,password_hash,locale,created_at,updated_at",
            [(ident(AUTHOR, a["id"]), f"author{a['id']}@example.com", a["name"], a["bio"], "x", "en", at, at)
             for a in rows(data, "authors")])
    for table, kind in (("category", CATEGORY), ("tag", TAG)):
        entries = rows(data, "categories" if table == "category" else "tags")
        execute(table, "id,slug,status,created_at,updated_at,published_at",
                [(ident(kind, e["id"]), f"{table}-{e['id']}", "published", at, at, at) for e in entries])
        execute(f"{table}_locale", f"{table}_id,locale,name", [(ident(kind, e["id"]), "en", e["name"]) for e in entries])
    courses = rows(data, "courses")
    execute("course", "id,slug,status,created_at,updated_at,published_at,author_id,access,level,rating,"
            "price_minor,price_currency,category_id",
            [(ident(COURSE, c["id"]), c["slug"], c["state"], at, at, c["published_on"], ident(AUTHOR, c["author"]),
              "public", c["level"], round(c["rating"] * 100), c["price_cents"], "USD", ident(CATEGORY, c["category"]))
             for c in courses])
    execute("course_locale", "course_id,locale,title,summary,body",
            [(ident(COURSE, c["id"]), "en", c["title"], c["summary"], c["body"]) for c in courses])
    execute("course_tag", "course_id,tag_id,position",
            [(ident(COURSE, t["course"]), ident(TAG, t["tag"]), t["id"] % 3) for t in rows(data, "course_tags")])
    lessons = rows(data, "lessons")
    execute("lesson", "id,slug,status,created_at,updated_at,published_at,course_id,position,duration_seconds",
            [(ident(LESSON, x["id"]), f"lesson-{x['id']}", "published", at, at, at, ident(COURSE, x["course"]),
              x["position"], x["duration_s"]) for x in lessons])
    execute("lesson_locale", "lesson_id,locale,title", [(ident(LESSON, x["id"]), "en", x["title"]) for x in lessons])
    return courses


Q1 = """query Q1($l: CourseLevel!) { courses(filter: { level: { eq: $l } }, first: 20) { totalCount nodes { id title slug
 summary price { minor } rating publishedAt level author { name } category { name } tags { nodes { name } } } } }"""
Q2 = """query Q2($s: String!) { course(slug: $s) { id title slug summary price { minor } rating publishedAt level body
 author { name bio } lessons(first: 10) { nodes { title position durationSeconds } } } }"""
Q3 = """query Q3 { users(first: 10) { nodes { name courses(first: 5, sort: [ID_ASC]) { nodes { title category { name } } } } } }"""
M1 = """mutation M1($d: CreateCourseInput!) { createCourse(input: $d) { course { id } } }"""
M2 = """query M2($i: ID!) { course(id: $i) { title } }"""


def bodies(out, courses):
    os.makedirs(out, exist_ok=True)
    published = [c for c in courses if c["state"] == "published"]

    def write(name, query, variables):
        with open(os.path.join(out, name), "w") as file:
            for values in variables:
                file.write(json.dumps({"query": " ".join(query.split()), "variables": values}) + "\n")

    write("Q1", Q1, [{"l": level} for level in ("BEGINNER", "INTERMEDIATE", "ADVANCED", "EXPERT")])
    write("Q2", Q2, [{"s": c["slug"]} for c in published[:500]])
    write("Q3", Q3, [{}])
    write("M2", M2, [{"i": "course_" + ident(COURSE, c["id"])} for c in published[:500]])
    new = {"title": "A new course", "slug": "@UNIQ@", "summary": "s" * 200, "body": "b" * 2048, "level": "BEGINNER",
           "rating": "4.50", "price": {"minor": 1999, "currency": "USD"}, "categoryId": "category_" + ident(CATEGORY, 1)}
    write("M1", M1, [{"d": new}])


def main(target, data, out):
    kind, where = target.split(":", 1)
    if kind == "sqlite":
        import sqlite3
        database, mark = sqlite3.connect(where), "?"
    else:
        import psycopg
        database, mark = psycopg.connect(where), "%s"
    cursor = database.cursor()

    def execute(table, columns, values):
        marks = ",".join([mark] * (columns.count(",") + 1))
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)

    bodies(out, load(execute, data))
    database.commit()
    if kind == "sqlite":
        cursor.execute("ANALYZE")
    else:
        database.autocommit = True
        database.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(*sys.argv[1:4])
